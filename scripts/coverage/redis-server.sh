#!/usr/bin/env bash
# A redis-server that keeps its log, where the probes of probe-lua.mjs leave the lines that ran.
# The C++ tests of the coverage preset start this one.
exec redis-server "$@" --loglevel warning --logfile "${SLUICE_LUA_LOGS:?names a folder}/$$.log"
