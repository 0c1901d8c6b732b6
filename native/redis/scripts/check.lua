-- Decides checks over TAT policies (token bucket, GCRA, leaky bucket): up to 128 of them in one
-- atomic step.
--
-- Each policy of a key holds one number, its theoretical arrival time (TAT), in ns modulo
-- 9,000,000 s, as plain decimal text: the moment, on this server's clock, at which everything
-- charged will have drained. A check is admitted if the charge of each of its policies fits beside
-- what is still undrained; then all are charged, else none.
--
-- KEYS   the names of the states: check by check, policy by policy. One name may stand in several
--        checks; a later check sees what an earlier one charged.
-- ARGV   groups of checks that ask for the same; the checks of a group follow each other in KEYS:
--          P         policies per check
--          N         checks in this group
--          mode      0: decide and charge; 1: read only
--          and for mode 0, P times:
--            charge  what a check costs, in ns (cost * interval); 0: always admitted, not written
--            span    a full refill, in ns (capacity * interval); charge and span are at most 100 d
-- Reply  one integer per key, in the order of KEYS: the backlog in ns before the check (0 to
--        8.9e15). Whoever has these and the policies knows each decision. For all policies of a
--        check that could not be made, instead:
--          -1        the key holds something that this script did not write; it was left alone
--          -2        a write failed; what this check had written before it was undone
--        If there is a -2, one text follows the integers: the first such error.
--
-- Numbers are doubles, so every intermediate stays below 2^53 = 9.007e15. A denial writes nothing.
-- Every write carries a time to live that ends just after the TAT. Nothing a key holds and no
-- write that fails can stop the script half-way.
-- Commands used: TIME, MGET, SET, DEL. The lines that end in @time and @min-ttl each stand alone,
-- so that a test can put a chosen time, and keys that outlive it, in their place.

local now = redis.call('TIME'); now = (now[1] % 9000000) * 1e9 + now[2] * 1000 -- @time
local min_ttl = 1 -- @min-ttl

local MODULUS = 9e15
-- The longest backlog that can be: 100 days and room for a clock that stepped back by three. What
-- lies further ahead on the circle lies behind.
local LONGEST = 8.9e15
local FOREIGN, FAILED = -1, -2

local run, find, floor, format = redis.pcall, string.find, math.floor, string.format
-- A whole number as text. '%d' costs a third of letting Redis print a double, but goes through a C
-- long, which a 32-bit server has too short.
local DIGITS = format('%d', MODULUS) == '9000000000000000' and '%d' or '%.0f'
local KEYS, ARGV = KEYS, ARGV

local held = run('MGET', unpack(KEYS))
if held.err then return held end

local known = {} -- what this call wrote, by name: a TAT, or false for no entry
local reply = {}
local error_text

-- Stores a TAT that lies `backlog` ns ahead (above 0). `only_new`: there was no entry, but there
-- may be a value of another type, which MGET shows as none and a plain SET would destroy.
-- Returns nothing, or an error code.
local function write(key, backlog, only_new)
  local to_wrap = MODULUS - now
  local tat
  if backlog < to_wrap then tat = now + backlog else tat = backlog - to_wrap end
  local ttl = floor(backlog / 1e6) + 1
  if ttl < min_ttl then ttl = min_ttl end
  local done
  if only_new then
    done = run('SET', key, format(DIGITS, tat), 'PX', format(DIGITS, ttl), 'NX')
  else
    done = run('SET', key, format(DIGITS, tat), 'PX', format(DIGITS, ttl))
  end
  if not done then return FOREIGN end
  if done.err then
    error_text = error_text or done.err
    return FAILED
  end
  known[key] = tat
end

-- Gives a key the backlog it had before this check.
local function restore(key, backlog)
  if backlog > 0 then
    write(key, backlog, false)
  else
    run('DEL', key)
    known[key] = false
  end
end

local key_at, arg_at = 0, 1 -- keys done; the next argument
while ARGV[arg_at] do
  local policies, checks = ARGV[arg_at] + 0, ARGV[arg_at + 1] + 0
  local charging = ARGV[arg_at + 2] == '0'
  arg_at = arg_at + 3
  local charges, rooms = {}, {}
  if charging then
    for p = 1, policies do
      charges[p] = ARGV[arg_at] + 0
      -- The largest backlog beside which the charge fits; negative if none is.
      rooms[p] = ARGV[arg_at + 1] - charges[p]
      arg_at = arg_at + 2
    end
  end

  for _ = 1, checks do
    local admitted, code = charging, nil
    for p = 1, policies do
      local at = key_at + p
      local value = known[KEYS[at]]
      if value == nil then
        value = held[at]
        if value then
          local text = value
          value = #text <= 16 and find(text, '^%d+$') and text + 0
          if not value or value >= MODULUS then
            code = FOREIGN
            break
          end
        end
      end
      local backlog = 0
      if value then
        backlog = value - now
        if backlog < 0 then backlog = backlog + MODULUS end
        if backlog > LONGEST then backlog = 0 end
      end
      reply[at] = backlog
      if admitted and backlog > rooms[p] and charges[p] > 0 then admitted = false end
    end

    if admitted and not code then
      for p = 1, policies do
        if charges[p] > 0 then
          local at = key_at + p
          local key = KEYS[at]
          code = write(key, reply[at] + charges[p], not (known[key] or held[at]))
          if code then
            for q = 1, p - 1 do
              if charges[q] > 0 then restore(KEYS[key_at + q], reply[key_at + q]) end
            end
            break
          end
        end
      end
    end

    if code then
      for p = 1, policies do reply[key_at + p] = code end
    end
    key_at = key_at + policies
  end
end

if error_text then reply[key_at + 1] = error_text end
return reply
