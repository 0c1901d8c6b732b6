-- Reservations: charges for an estimate, until they are settled with the real usage.
--
-- A hash beside each state holds a field for each reservation (its holder), a text:
--   "o expires rule used units mark units mark ..."   open: the time in us at which it expires; the
--            usage that it is then settled with (0: the estimate, or `used` if that is more; 1: `used`;
--            2: none); the usage so far; and each charge, oldest first, with the mark that it left
--   "x expired charged"   it has expired; kept for a minute
-- The state's text ends in "r" due "." lasts: the time in us from which a reservation may have expired,
-- and the time to which text and hash live. From `due` on, each call first settles the expired ones, in
-- the order of expiry, each as at its own instant.
-- For a minute, a text under a name of its own tells the charges of a settled one: "c", the time in us,
-- and the units of each policy.

-- The time for which closed ones are remembered, in us.
local KEPT = 60e6
-- The most open ones of a state, and the most charges of one (core/ledger.h).
local MOST_OPEN, MOST_CHARGES = 10000, 4
local OK, UNKNOWN, EXPIRED, SETTLED, REPEATED = 0, 1, 2, 3, 4
local ESTIMATE, CHECKPOINT = 0, 1
-- The time added to the life of the texts, in us, so that it is seldom renewed.
local SLACK = 60e6

local function parse(value)
  if #value > 400 then return nil end
  local numbers, word = {}, string.sub(value, 1, 2)
  for number in gmatch(string.sub(value, 3), '%d+') do numbers[#numbers + 1] = number + 0 end
  local again = {}
  for i = 1, #numbers do
    if numbers[i] > MODULUS then return nil end
    again[i] = digits(numbers[i])
  end
  if word .. table.concat(again, ' ') ~= value then return nil end
  if word == 'x ' and #numbers == 2 then
    return { at = numbers[1], charged = numbers[2] }
  end
  if word ~= 'o ' or #numbers < 3 or #numbers % 2 == 0 or numbers[2] > 2 then return nil end
  local charges = {}
  for i = 4, #numbers do charges[i - 3] = numbers[i] end
  return { open = true, at = numbers[1], rule = numbers[2], used = numbers[3], charges = charges }
end

local function format_open(record)
  local numbers = { digits(record.at), digits(record.rule), digits(record.used) }
  for i = 1, #record.charges do numbers[i + 3] = digits(record.charges[i]) end
  return 'o ' .. table.concat(numbers, ' ')
end

local function estimate(record)
  local sum = 0
  for i = 1, #record.charges, 2 do sum = sum + record.charges[i] end
  return sum
end

local function add_charge(record, units, mark)
  local charges = record.charges
  local last = #charges
  if last == 2 * MOST_CHARGES or last > 0 and charges[last] == mark then
    charges[last - 1] = charges[last - 1] + units
  else
    charges[last + 1], charges[last + 2] = units, mark
  end
end

local function usage_at_expiry(record)
  if record.rule == ESTIMATE then return max(record.used, estimate(record)) end
  return record.rule == CHECKPOINT and record.used or 0
end

-- Whether a reservation that was closed at `at` is remembered still; also with a clock that steps back.
local function is_remembered(at) return abs(wall - at) < KEPT end

local function copy(q)
  local own = {}
  for name, value in pairs(q) do own[name] = value end
  return own
end

-- Units in the unit of the kind. A product above 2^53 is inexact, but then the bound counts.
local function wire(q, units) return min(units * q.unit, MODULUS) end

-- Changes the state by a function of its kind, named `what`, with this cost and mark, as at `at`. Returns
-- nothing, or an error code.
local function step(s, what, units, mark, at)
  local q = s.own
  q.cost, q.mark = wire(s.q, units), mark
  local shared = s.q
  s.q = q
  local code
  s.before, code = q.kind.read(q, s, at)
  if not s.before then
    code = code or FOREIGN
  else
    local after
    after, code = q.kind[what](q, s.before, at, s)
    if after then code = change(s, after, s.till, at) end
  end
  s.q = shared
  return code
end

-- Charges or gives back the difference between `usage` and the estimate, as at `at`.
local function settle_state(s, record, usage, at)
  if s.q.kind.holds then return nil end
  s.own = copy(s.q)
  local excess = estimate(record) - usage
  if excess < 0 then return step(s, 'debited', -excess, -1, at) end
  local charges = record.charges
  for i = #charges - 1, 1, -2 do
    local units = min(excess, charges[i])
    if units > 0 then
      local code = step(s, 'given_back', units, charges[i + 1], at)
      -- The first step stays done: giving back less never creates quota.
      if code and i == #charges - 1 then return code end
      excess = excess - units
    end
  end
end

-- A field of the ledger as a record, false if there is none; or nil and an error code.
local function record_of(s, holder)
  local value = run('HGET', s.ledger, holder)
  local code = failure(value)
  if code then return nil, code end
  if not value then return false end
  local record = parse(value)
  if not record then return nil, FOREIGN end
  return (record.open or is_remembered(record.at)) and record
end

-- Reads the state as it is now. Returns nothing, or an error code.
local function read_again(s)
  local code
  s.before, code = s.q.kind.read(s.q, s, wall)
  if not s.before then return code or FOREIGN end
  -- A settlement is not undone with the rest.
  s.old_text, s.put, s.reached, s.after = nil, false, false, nil
end

-- Writes the state's text again, for a new `due` or `lasts`. Returns nothing, or an error code.
local function mark_due(s)
  local _, left = s.q.kind.text(s.q, s.before, wall)
  return put(s, s.text, left, s.till)
end

-- Settles the expired ones. Returns nothing and the count of open ones, or an error code.
local function settle_due(s)
  local all = run('HGETALL', s.ledger)
  local code = failure(all)
  if code then return code end
  local due, old, open, first = {}, {}, 0, 0
  for i = 1, #all, 2 do
    local record = parse(all[i + 1])
    if not record then return FOREIGN end
    record.holder = all[i]
    if not record.open then
      if not is_remembered(record.at) then old[#old + 1] = all[i] end
    elseif record.at <= wall then
      due[#due + 1] = record
    else
      open = open + 1
      if first == 0 or record.at < first then first = record.at end
    end
  end
  table.sort(due, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.holder < b.holder
  end)
  for i = 1, #due do
    local record = due[i]
    local usage = usage_at_expiry(record)
    -- Before the state: if that fails, the field is set back.
    local closed = 'x ' .. digits(record.at) .. ' ' .. digits(usage)
    code = failure(run('HSET', s.ledger, record.holder, closed))
    if code then return code end
    code = settle_state(s, record, usage, record.at)
    if code then
      run('HSET', s.ledger, record.holder, format_open(record))
      return code
    end
  end
  for i = 1, #old, 1000 do
    run('HDEL', s.ledger, unpack(old, i, min(#old, i + 999)))
  end
  code = read_again(s)
  if code then return code end
  if first == s.due then return nil, open end
  s.due = first
  return mark_due(s), open
end

-- The longest time that the state may have a meaning without a call, in us.
local function longest(s)
  local q = s.q
  local _, left = q.kind.text(q, s.before, wall)
  return max(left, q.full and q.full / 1000 or 2 * (q.window or 0))
end

-- Notes on the state that a reservation expires at `at`. Whether the text has to be written.
local function note_expiry(s, at)
  local changed = false
  if s.due == 0 or at < s.due then s.due, changed = at, true end
  local lasts = max(at + longest(s), wall + KEPT)
  if lasts > s.lasts then
    s.lasts, changed, s.lasts_longer = lasts + SLACK, true, true
  end
  return changed
end

-- Writes open records of some states. Returns nothing, or an error code, after which all are as they
-- were.
local function save(states, holder)
  for p = 1, #states do
    local s = states[p]
    if s.changed then
      local code = failure(run('HSET', s.ledger, holder, format_open(s.record)))
      if not code and s.lasts_longer then
        code = failure(run('PEXPIRE', s.ledger, ttl(s.lasts - wall)))
      end
      if code then
        for before = 1, p do
          local other = states[before]
          if other.changed and other.old then
            run('HSET', other.ledger, holder, other.old)
          elseif other.changed then
            run('HDEL', other.ledger, holder)
          end
        end
        return code
      end
    end
  end
end

-- Finds the reservation. Returns an error code, or nothing and OK, UNKNOWN, EXPIRED or SETTLED; for the
-- last also the charge of each policy in all.
local function find_holder(states, holder, closed_at)
  local open, expired = false, false
  for p = 1, #states do
    local s = states[p]
    local record, code = record_of(s, holder)
    if code then return code end
    if record and record.open and record.at <= wall then
      -- It expired, but the text that would have told so is gone.
      code = settle_due(s)
      if code then return code end
      record = record_of(s, holder)
    end
    s.record = record or nil
    if record and record.open then
      open, s.old = true, format_open(record)
    elseif record then
      expired = true
    end
  end
  if open then return nil, OK end
  local key = KEYS[closed_at]
  local value = known[key]
  if value == nil then value = held[closed_at] elseif value then value = texts[key] end
  if value then
    if #value > 400 or not find(value, '^c [ %d]+$') then return FOREIGN end
    local charged = {}
    for number in gmatch(value, '%d+') do charged[#charged + 1] = number + 0 end
    if is_remembered(table.remove(charged, 1)) then
      if #charged ~= #states then return FOREIGN end
      return nil, SETTLED, charged
    end
  end
  return nil, expired and EXPIRED or UNKNOWN
end

-- Says an outcome, and the charge of each policy in all.
local function say_closed(states, outcome, charged)
  say(outcome)
  for p = 1, #states do
    local s = states[p]
    say(charged and charged[p] or s.record and s.record.charged or 0)
  end
end

local modes_of = {}

function modes_of.reserve(states, found, holder, closed_at)
  local code, outcome, charged = find_holder(states, holder, closed_at)
  if code then return code end
  if outcome ~= UNKNOWN and outcome ~= OK then return say_closed(states, outcome, charged) end
  if outcome == OK then
    say(REPEATED)
    return nil, true
  end
  local expires = wall + found.span
  for p = 1, #states do
    local s = states[p]
    local count = run('HLEN', s.ledger)
    code = failure(count)
    if not code and (count > 0 and s.due == 0 or count >= MOST_OPEN) then
      code, count = settle_due(s)
    end
    if code then return code end
    if count >= MOST_OPEN then s.blocked = max(s.blocked, s.due - wall) end
    s.is_marked = not note_expiry(s, expires)
    s.lasts_longer = s.lasts_longer or count == 0
  end
  local allowed
  code, allowed = modes.check(states)
  if code then return code end
  if allowed then
    for p = 1, #states do
      local s = states[p]
      if s.admits and s.q.given then
        local record = { at = expires, rule = found.rule, used = 0, charges = {} }
        if s.cost > 0 and not s.q.kind.holds then
          add_charge(record, s.cost / s.q.unit, s.q.kind.mark(s.q, s.after or s.before, wall))
        end
        s.record, s.changed = record, true
        if not s.put and not s.is_marked then code = mark_due(s) end
        if code then return code end
      end
    end
    code = save(states, holder)
    if code then return code end
  end
  say(OK)
  return nil, true
end

function modes_of.extend(states, _, holder, closed_at)
  local code, outcome, charged = find_holder(states, holder, closed_at)
  if code then return code end
  if outcome ~= OK then return say_closed(states, outcome, charged) end
  local never = false
  for p = 1, #states do
    local s = states[p]
    local own, more = copy(s.q), 0
    if s.record and s.record.open and not own.kind.holds then
      more = max(0, own.cost - estimate(s.record))
    end
    own.cost = wire(own, more)
    if own.full then own.room = own.full - own.cost end
    s.more, s.cost, s.estimate, s.q = more, own.cost, s.record and estimate(s.record), own
    if own.cost > (own.full or own.limit) then
      -- A shadow that can never admit it is passed over.
      never = never or own.enforced
      s.more, s.cost = 0, 0
    end
    if s.cost > 0 and own.kind.commit then
      -- The wait that a log tells depends on the cost.
      s.before, code = own.kind.read(own, s, wall)
      if not s.before then return code or FOREIGN end
    end
  end
  local allowed = false
  if not never then
    code, allowed = modes.check(states)
    if code then return code end
  end
  if allowed then
    for p = 1, #states do
      local s = states[p]
      if s.more > 0 and s.admits then
        add_charge(s.record, s.more, s.q.kind.mark(s.q, s.after or s.before, wall))
        s.changed = true
      end
    end
    code = save(states, holder)
    if code then return code end
  end
  say(OK)
  for p = 1, #states do
    local s = states[p]
    say(s.record and s.record.open and s.estimate + 1 or 0)
  end
  return nil, true
end

function modes_of.checkpoint(states, found, holder, closed_at)
  local code, outcome, charged = find_holder(states, holder, closed_at)
  if code then return code end
  if outcome ~= OK then return say_closed(states, outcome, charged) end
  local spent = 0
  for p = 1, #states do
    local s = states[p]
    local record = s.record
    if record and record.open then
      if s.q.cost > record.used then record.used, s.changed = s.q.cost, true end
      local sum = estimate(record)
      if #record.charges > 0 and record.used >= sum then spent = spent + 2 ^ (p - 1) end
      if found.span > 0 then
        record.at, s.changed = wall + found.span, true
        if note_expiry(s, record.at) then code = mark_due(s) end
        if not code and s.q.kind.holds then
          s.q = copy(s.q)
          s.q.ttl = found.span
          local _, fault = s.q.kind.renew(s, wall)
          code = fault
        end
        if code then return code end
      end
    end
  end
  code = save(states, holder)
  if code then return code end
  say(OK)
  say(spent)
end

local function close(states, found, holder, closed_at)
  local code, outcome, charged = find_holder(states, holder, closed_at)
  if code then return code end
  if outcome ~= OK then return say_closed(states, outcome, charged) end
  charged = {}
  for p = 1, #states do
    local s = states[p]
    local record = s.record
    charged[p] = 0
    if record and record.open then
      local usage = record.used
      if found.mode == 'settle' then
        usage = s.q.given and s.q.cost or max(record.used, estimate(record))
      end
      if s.q.kind.holds then usage = 0 end
      charged[p] = usage
      code = settle_state(s, record, usage, wall)
      if code then return code end
    end
  end
  for p = 1, #states do charged[p] = digits(charged[p]) end
  local key = KEYS[closed_at]
  local text = table.concat({ 'c', digits(wall), unpack(charged) }, ' ')
  local kept = run('SET', key, text, 'PX', ttl(KEPT))
  code = failure(kept)
  if code then return code end
  known[key], texts[key] = true, text
  for p = 1, #states do
    local s = states[p]
    if s.record and s.record.open then
      -- Takes no memory: where the server refuses it, it does so for the first.
      code = failure(run('HDEL', s.ledger, holder))
      if code then
        run('DEL', key)
        known[key] = false
        return code
      end
      -- If this fails, the slot expires.
      if s.q.kind.holds then s.q.kind.release(s, wall) end
    end
  end
  say(OK)
  for p = 1, #states do say(charged[p] + 0) end
end

modes_of.settle, modes_of.cancel = close, close

return { settle_due = settle_due, modes = modes_of }
