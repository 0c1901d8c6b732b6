-- The charge under an id, kept for a minute: a text "print holders at charged numbers", with
--   print    the arguments: hexadecimal digits, a hash of cost, limits and plan by the caller
--   holders  "-" if no policy gives slots; else the holder of the slots, 32 hexadecimal digits, and
--            after a comma each, by the same kind of name, the calls that may have reported that
--            they work under these slots: the one that took them, and its repeats. After eight a
--            "-", for more calls, which never count as gone
--   at       the time of the charge, in us
--   charged  the charged policies, as the sum of 2^(number of the policy - 1)
--   numbers  the readings before it, as in the reply, but without blocks
-- For a debit or credit: "print - at 0".

-- The life of an id, in us; also with a clock that steps back.
local KEPT = 60e6
local REPEATED, REUSED = -4, -5
local LONGEST_ID = 4096
local MOST_TOLD = 8 * 33

local function has(set, p) return floor(set / 2 ^ (p - 1)) % 2 == 1 end

local ids = {}

-- The record under the name KEYS[at]; or nil and an error code. `what`: a mode. `holder`: the holder
-- for the check's slots, nil if it takes none.
function ids.find(at, print, what, holder)
  local key = KEYS[at]
  local value = known[key]
  if value == nil then
    value = held[at]
  elseif value then
    value = texts[key]
  end
  local id = { key = key, exists = value and true or false, print = print, asker = holder }
  id.holder, id.told = holder or '-', ''
  if not value then return id end
  if #value > LONGEST_ID then return nil, FOREIGN end
  local of, whose, told, kept_at, rest = match(value, '^(%x+) ([%x-]+)([%x,-]*) (%d+) ([%d ]+)$')
  if not of or kept_at + 0 > LATEST then return nil, FOREIGN end
  if abs(wall - kept_at) >= KEPT then return id end
  if what == 'abort' then return id end
  if of ~= print then return nil, REUSED end
  local numbers = {}
  for number in gmatch(rest, '%d+') do numbers[#numbers + 1] = number + 0 end
  if holder and #whose ~= 32 then return nil, FOREIGN end
  id.known, id.at, id.numbers, id.rest = true, kept_at + 0, numbers, rest
  if holder then id.holder, id.told = whose, told end
  return id
end

-- Sets the check's costs to 0, except for slots that were lost. Returns nothing, or an error code.
function ids.recall(id, states)
  local numbers = id.numbers
  local set, used = numbers[1], 1
  if set >= 2 ^ #states then return FOREIGN end
  id.again, id.held = 0, false
  for p = 1, #states do
    local s = states[p]
    local most = s.q.kind.most
    for i = 1, #s.before do
      local number = numbers[used + i]
      if not number or number > most then return FOREIGN end
    end
    used = used + #s.before
    s.cost = 0
    if s.q.kind.holds and has(set, p) then
      s.holder = id.holder
      local held_still, code = s.q.kind.holds(s, wall)
      if code then return code end
      if held_still then
        id.held = true
      else
        s.cost = s.q.cost
        id.again = id.again + 2 ^ (p - 1)
      end
    end
  end
  if used ~= #numbers then return FOREIGN end
end

-- Writes the record of an id. Returns nothing, or an error code.
local function save(id)
  local key = id.key
  local text = table.concat({ id.print, id.holder .. id.told, digits(id.at), id.rest }, ' ')
  local left = ttl(id.at + KEPT - wall)
  local answer
  if id.exists then
    answer = run('SET', key, text, 'PX', left)
  else
    -- There may be a value of another type, which MGET does not show.
    answer = run('SET', key, text, 'PX', left, 'NX')
    if not answer then return FOREIGN end
  end
  local code = failure(answer)
  if code then return code end
  known[key] = true
  texts[key] = text
end

-- Records that a repeat may report the slots. Returns nothing, or an error code.
local function join(id)
  if not id.asker then return end
  -- Lost slots were released by calls that had them.
  local told = id.held and id.told or ''
  if #told > MOST_TOLD then return end
  id.told = told .. ',' .. (#told < MOST_TOLD and id.asker or '-')
  return save(id)
end

-- Records an operation, or forgets an aborted one. Returns nothing, or an error code.
function ids.keep(id, what, states, allowed)
  if what == 'check' and not allowed then return end
  if what == 'abort' then
    if not id.exists then return end
    local code = failure(run('DEL', id.key))
    if not code then known[id.key] = false end
    return code
  end
  if id.known then return join(id) end
  local set, numbers = 0, {}
  if what == 'check' then
    for p = 1, #states do
      local s = states[p]
      if s.cost > 0 and s.admits then set = set + 2 ^ (p - 1) end
      for i = 1, #s.before do numbers[#numbers + 1] = digits(s.before[i]) end
    end
    -- Without a charge there is nothing to repeat.
    if set == 0 then return end
  end
  id.at, id.rest = wall, table.concat({ digits(set), unpack(numbers) }, ' ')
  if id.asker then id.told = ',' .. id.asker end
  return save(id)
end

-- For a call that got no answer: the holder of the slots, if no other call may have reported them, so
-- that they can be released; else nothing, or nil and an error code.
function ids.leave(id)
  if id.told == '' then return end
  id.told = string.gsub(id.told, ',' .. id.asker, '')
  if id.told == '' then return id.holder end
  return nil, save(id)
end

-- Appends to the reply that a check is a repeat, with the readings before the charge.
function ids.say(id)
  say(REPEATED)
  say(id.at)
  say(id.again)
  if id.holder ~= '-' then
    for i = 1, 25, 8 do say(tonumber(string.sub(id.holder, i, i + 7), 16)) end
  end
  for i = 1, #id.numbers do say(id.numbers[i]) end
end

return ids
