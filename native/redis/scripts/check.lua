-- Decides up to 128 checks, and does what else limiters ask for, in one atomic step.
--
-- A limiter's policies each keep their own state of a key, under a name of its own:
--
--   kind                        the name holds                beside it (name + ":l", ":z")
--   t  a TAT: token bucket,     tat                           -
--      GCRA, leaky bucket
--   q  a TAT: leaky bucket      tat                           -
--      that shapes, a queue
--   f  fixed window from the    start count                   -
--      first request
--   c  on the clock             start count                   -
--   m  calendar month, UTC      start count                   -
--   s  sliding window           start current previous        -
--   l  sliding log              newest base top               a list of "time upto"
--   n  concurrency              nothing                       a sorted set of holders
--
-- The state's text is decimal numbers with one space between, and what is absent is a key never
-- seen. A blocked key has "b" and the block's end behind the state, or alone; a TAT before it also
-- its own end. A TAT is in ns modulo 9,000,000 s: the moment, on this server's clock, at which
-- everything charged will have drained. All other times are us since 1970. What numbers mean is
-- told in each kind's own part. What was charged under an id is kept for a minute under a name of
-- the id's own, as ids.lua says, so that it can be asked again and is charged once.
--
-- KEYS   the names of the states: check by check, policy by policy, each followed by the name of
--        what is beside it; behind a check's last one, in modes with "+", the id's name. One name
--        may stand in several checks; a later one sees what an earlier one did.
-- ARGV   groups of checks that ask for the same; the checks of a group follow each other in KEYS:
--          P         policies per check
--          N         checks in this group
--          mode
--        Mode 0 charges, mode 1 only reads, and all policies are TATs of the plain sort: they
--        enforce, do not charge denials and start no block. For mode 0 follow, P times:
--          charge    what a check costs, in ns; 0: always admitted, not written; at most 100 d
--          room      the largest backlog beside which that is admitted, in ns; negative: none.
--                    room + charge is at most 100 d
--        All other modes are words: check, peek, debit, credit, abort, block, unblock, release,
--        renew. "+" behind check, debit and credit: not if the id did the same already; behind
--        abort: the id is forgotten; behind release: what the check with that id and holder took,
--        but for slots that a repeat may have been told of. For them follow, P times:
--          kind      a letter, see above
--          options   1: a shadow, which denies nothing; + 2: denied checks are charged too
--          block     us that a denial blocks the key for; mode block: for how long. 0: it does not
--          cost      units, below 2^31; of a TAT: ns, at most 9e15. 0: in check and peek, always
--                    admitted and not written; else this policy is passed over
--          limit     units, 0 to 2^42; of a TAT: the room. In credit and abort: the mark of the
--                    charge (a TAT modulo 9e15; a window's start; the time of a log's entry), or -1
--          window    us; of a concurrency policy: the time to live; of a TAT: a full refill in ns;
--                    of a month: 0. At most 100 d
--        and, for modes check, release and renew with a policy of kind n, N times:
--          holder    who holds the slots: 1 to 64 of 0-9 a-z; with an id 32 of 0-9 a-f
--        and, for modes with "+", N times:
--          print     what is asked under the id, beside what its name says: 1 to 64 of 0-9 a-f;
--                    of no meaning in mode abort+
-- Reply  integers: this server's time in us, and then for each check either one error code
--          -1        a key holds something that this script did not write; it was left alone
--          -2        a command failed; what this check had written before it was undone
--          -5        its id was charged for something else; nothing was done
--        or, in modes 0, 1, check and peek, for each policy, as things stood before the check,
--          -3, left  only if the key is blocked: us until the block ends
--          t q       backlog in ns, 0 to 8.9e15
--          f c m     us until the window ends, units counted in it
--          s         us until the window ends, units counted in it, and in the one before
--          l         units in the window, us until such a call is admitted, us until it is empty
--          n         slots held, us until such a call is admitted, us until none is held
--        in modes release and renew 1 if the holder still had all of its slots, else 0; in mode
--        abort 0 if some policy kept its charge because others wait behind it, else 1; in the
--        other modes 0. Whoever has these and the policies knows each decision.
--        The numbers of a check whose id is known come behind -4; when that was charged, in us; the
--        policies whose slots are no longer held and were asked for again, a sum of 2^(number - 1);
--        if the group names holders, who it was, as 4 numbers of 32 bits; the policies that were
--        charged then, as such a sum; and the numbers as they stood before that, without any -3.
--        All else was charged then and costs nothing now.
--        If there is a -2, one text follows the integers: the first such error.
--
-- Numbers are doubles, so every intermediate stays below 2^53 = 9.007e15. A denial writes nothing,
-- but for policies that charge denials or start blocks. Every key has a time to live that ends just
-- after its last meaning. Nothing a key holds and no command that fails stops the script half-way.
-- Commands used: TIME, MGET, SET, DEL; for logs LINDEX, LLEN, LRANGE, LTRIM, RPUSH, PEXPIRE; for
-- concurrency ZCOUNT, ZRANGE, ZSCORE, ZADD, ZREM, ZREMRANGEBYSCORE, PEXPIRE.
-- The lines that end in @time and @min-ttl each stand alone, so that a test can put a chosen time
-- ({seconds, microseconds}), and keys that outlive it, in their place.
-- A line that says @include is replaced by that file when Sluice is built.

local time = redis.call('TIME') -- @time
local min_ttl = 1 -- @min-ttl

local MODULUS = 9e15
-- The longest backlog that can be: 100 days and room for a clock that stepped back by three. What
-- lies further ahead on the circle lies behind.
local LONGEST = 8.9e15
local FOREIGN, FAILED = -1, -2

local seconds, micros = time[1] + 0, time[2] + 0
local now = (seconds % 9000000) * 1e9 + micros * 1000 -- on the circle of the TATs
local wall = seconds * 1e6 + micros -- for everything else
local run, find, floor, format = redis.pcall, string.find, math.floor, string.format
-- A whole number as text. '%d' costs a third of letting Redis print a double, but goes through a C
-- long, which a 32-bit server has too short.
local DIGITS = format('%d', MODULUS) == '9000000000000000' and '%d' or '%.0f'
local KEYS, ARGV = KEYS, ARGV

local held = run('MGET', unpack(KEYS))
if held.err then return held end

-- What this call wrote, by name: a TAT, false for no entry, or true for what `texts` has.
local known, texts = {}, nil
local reply, said = { wall }, 1
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
local policies, checks, mode = 0, 0, nil -- of this group; checks that are left of it
local plain, charging, charges, rooms -- modes 0 and 1
local general, group -- all others, and what is not plain after all

while checks > 0 or ARGV[arg_at] do
  if checks == 0 then
    policies, checks, mode = ARGV[arg_at] + 0, ARGV[arg_at + 1] + 0, ARGV[arg_at + 2]
    arg_at = arg_at + 3
    group = nil
    charging = mode == '0'
    plain = charging or mode == '1'
    charges, rooms = {}, {}
    if charging then
      for p = 1, policies do
        charges[p] = ARGV[arg_at] + 0
        rooms[p] = ARGV[arg_at + 1] + 0
        arg_at = arg_at + 2
      end
    end
  end

  while plain and checks > 0 do
    local admitted, unusual = charging, false
    for p = 1, policies do
      local key = KEYS[key_at + p]
      local value = known[key]
      if value == nil or value == true then
        local text = value and texts[key] or held[key_at + p]
        value = false
        if text then
          value = #text <= 16 and find(text, '^%d+$') and text + 0
          if not value or value >= MODULUS then
            unusual = true
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
      reply[said + p] = backlog
      if admitted and backlog > rooms[p] and charges[p] > 0 then admitted = false end
    end
    if unusual then
      for p = 1, policies do reply[said + p] = nil end
      break
    end

    local code
    if admitted then
      for p = 1, policies do
        if charges[p] > 0 then
          local at = key_at + p
          local key = KEYS[at]
          code = write(key, reply[said + p] + charges[p], not (known[key] or held[at]))
          if code then
            for q = 1, p - 1 do
              if charges[q] > 0 then restore(KEYS[key_at + q], reply[said + q]) end
            end
            break
          end
        end
      end
    end

    key_at = key_at + policies
    checks = checks - 1
    if code then
      for p = 2, policies do reply[said + p] = nil end
      said = said + 1
      reply[said] = code
    else
      said = said + policies
    end
  end

  -- Made only where it is needed: it would have to be made anew in each call.
  if checks > 0 then
    if not general then
      general = (function()
        -- @include general.lua
      end)()
    end
    group = group or general.group()
    general.run(group)
    checks = checks - 1
  end
end

if error_text then reply[said + 1] = error_text end
return reply
