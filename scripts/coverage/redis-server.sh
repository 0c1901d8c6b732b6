#!/usr/bin/env bash
# A redis-server with a log file, in which the probes of probe-lua.mjs log the lines that ran.
# The C++ tests of the coverage preset start it.
exec redis-server "$@" --loglevel warning --logfile "${SLUICE_LUA_LOGS:?names a folder}/$$.log"
