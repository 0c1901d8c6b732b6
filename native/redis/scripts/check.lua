-- Decides up to 128 checks, or carries out other operations of limiters, in one atomic step.
--
-- Each policy of a limiter keeps its own state of a key, under a name of its own. The state is a text:
-- decimal numbers with one space between them. A key that was never seen has no entry. A blocked key
-- has "b" and the end of the block behind its state, or alone; behind that a key with reservations has
-- "r" and two times (reservations.lua). Some algorithms keep a collection beside the text, under the same
-- name with a suffix. Times are in us since 1970. A theoretical arrival time (TAT) is in ns modulo
-- 9,000,000 s: the time, on this server's clock, at which all charges will have drained.
-- A letter names the kind of a policy. The part of each kind (tat.lua and so on; general.lua lists them)
-- describes its state, its numbers, its reading and the unit of its costs.
-- ids.lua remembers for a minute what was charged under an id, so that a retry is charged once.
-- reservations.lua keeps estimates that are settled later, in a hash beside each state: its ledger.
--
-- KEYS   the names of the states: check by check, policy by policy, each followed by the name of its
--        collection if it has one and, in modes with "&", of its ledger; after the last policy of a
--        check, in the modes of reservations the name under which a closed one is remembered, and in
--        modes with "+" the name of the id. One name may occur in several checks; a later check sees
--        the changes of an earlier one.
-- ARGV   groups of equal checks, in the order of KEYS:
--          P         policies per check
--          N         checks in this group
--          mode
--        Mode 0 charges and mode 1 only reads. In both, all policies are plain TATs (kind t): they
--        enforce, do not charge denials and start no block. Mode 0 continues, P times:
--          charge    the cost of a check, in ns, at most 100 d; 0: always admitted, not written
--          room      the largest backlog beside which it is admitted, in ns; negative: none.
--                    room + charge is at most 100 d
--        The other modes are words: check, peek, debit, credit, abort, block, unblock, release, renew;
--        and, for reservations, reserve, extend, checkpoint, settle, cancel. With "&", which these
--        always have, they name ledgers. With "+" they carry an id. check, debit and credit do nothing if
--        the id did the same already;
--        abort forgets the id; release gives back the slots that the check with this id and holder
--        took, except slots that a retry may have reported. All continue, P times:
--          kind      a letter
--          options   1: a shadow, which denies nothing; + 2: denied checks are charged too
--          block     us for which a denial blocks the key; in mode block: for how long. 0: no block
--          cost      in the unit of the kind, at most 9e15. 0: in check and peek always admitted and
--                    not written; in the other modes the policy is skipped
--          mark      only in credit and abort: the mark of the charge, or -1 for any charge
--          numbers   those that the kind names
--          unit      only with "&": the cost of one unit
--          given     only for reservations. settle: 1 if the cost is the real usage, 0 if the estimate
--                    stands; reserve: 0 if the policy, a shadow, can never admit it
--        In the modes extend, checkpoint and settle costs are in units. Reservations continue with
--          span      reserve: us until it expires; checkpoint: the same from now on, 0: as it was
--          rule      reserve: for one that expires; see reservations.lua
--        and, in modes of reservations, and in check, release and renew with a kind whose calls hold
--        slots, N times:
--          holder    1 to 64 characters of 0-9 a-z; with an id 32 of 0-9 a-f
--        and, in modes with "+", N times:
--          print     a hash of the operation and its arguments: 1 to 64 characters of 0-9 a-f; unused
--                    in mode abort+
-- Reply  integers: the time of this server in us, then for each check one error code
--          -1        a key holds a value that this script did not write; it is left alone
--          -2        a command failed; everything that this check had written is undone
--          -5        the id was charged for something else; nothing is done
--          -6        a reservation may have expired; nothing is done: ask again with "&"
--        or, in modes 0, 1, check and peek, for each policy, the state before the check
--          -3, left  only if the key is blocked: us until the block ends
--          reading   the integers of the kind's reading; of a TAT one: the backlog in ns
--        or, in modes of reservations, an outcome: 0: it is open; 1: it is unknown; 2: it expired; 3: it
--        was settled; 4: it is open, and was before this reserve. Then, in reserve if it is open, the
--        readings; in extend, for each policy, 0 if it holds none of it, else 1 + the estimate in
--        units; and the readings; in checkpoint the policies whose estimate is spent, as a sum of
--        2^(number - 1); in all modes if it is not open, in settle and cancel if it was, the units
--        that each policy charged in all;
--        or, in modes release and renew, 1 if the holder still had all of its slots, else 0; in mode
--        abort 0 if some policy kept its charge because others wait behind the call, else 1; in the
--        other modes 0.
--        The readings of a check whose id is known follow -4; the time of its charge in us; the
--        policies whose slots were gone and were taken again, as a sum of 2^(number - 1); if the group
--        names holders, the holder as 4 numbers of 32 bits; the policies that were charged then, as
--        such a sum; and the readings before that charge, without -3. The retry charges nothing else.
--        After a -2, one text follows all integers: the first such error.
--
-- Numbers are doubles, so every intermediate stays below 2^53 = 9.007e15. A denial writes nothing,
-- unless a policy charges denials or starts a block. Every key has a time to live that ends just after
-- its last meaning. No stored value and no failing command stops the script half-way.
-- Commands: TIME, MGET, SET, DEL, PEXPIRE; for logs LINDEX, LLEN, LRANGE, LTRIM, RPUSH; for
-- reservations HDEL, HGET, HGETALL, HLEN, HSET; for slots ZCOUNT, ZRANGE, ZSCORE, ZADD, ZREM,
-- ZREMRANGEBYSCORE.
-- Tests replace the two lines that end in @time and @min-ttl: by a chosen time ({seconds,
-- microseconds}) and by a time to live that outlasts it.
-- The build replaces a line that says @include by that file.

local time = redis.call('TIME') -- @time
local min_ttl = 1 -- @min-ttl

local MODULUS = 9e15
-- The longest possible backlog: 100 days, plus three for a clock that stepped back. On the circle, a
-- longer distance ahead is in the past.
local LONGEST = 8.9e15
local FOREIGN, FAILED = -1, -2

local seconds, micros = time[1] + 0, time[2] + 0
local now = (seconds % 9000000) * 1e9 + micros * 1000 -- on the circle of the TATs
local wall = seconds * 1e6 + micros -- for everything else
local run, find, floor, format = redis.pcall, string.find, math.floor, string.format
-- A whole number as text. '%d' takes a third of the time of Redis' own text of a double, but needs a
-- C long of 64 bits, which a 32-bit server does not have.
local DIGITS = format('%d', MODULUS) == '9000000000000000' and '%d' or '%.0f'
local KEYS, ARGV = KEYS, ARGV

local held = run('MGET', unpack(KEYS))
if held.err then return held end

-- The writes of this call, by name: a TAT, false for no entry, or true for an entry of `texts`.
local known, texts = {}, nil
local reply, said = { wall }, 1
local error_text

-- Stores a TAT that is `backlog` ns ahead (above 0). `only_new`: there was no entry, but there may be
-- a value of another type, which MGET does not show and a plain SET would destroy. Returns nothing,
-- or an error code.
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

-- Restores a key's backlog from before this check.
local function restore(key, backlog)
  if backlog > 0 then
    write(key, backlog, false)
  else
    run('DEL', key)
    known[key] = false
  end
end

local key_at, arg_at = 0, 1 -- keys done; the next argument
local policies, checks, mode = 0, 0, nil -- of this group; its remaining checks
local plain, charging, charges, rooms -- modes 0 and 1
local general, group -- all other modes, and groups that are not plain

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

  -- Created only when needed, because each call must create it again.
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
