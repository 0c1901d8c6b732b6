-- A theoretical arrival time (TAT): token bucket, GCRA, leaky bucket.
--
-- State    "tat"; with a block "tat end", where `end` is the time in us at which the TAT passes
-- Numbers  room  the largest backlog beside which the cost is admitted, in ns; negative: none
--          full  a full refill, in ns
--          Costs are in ns. A mark is a TAT modulo 9e15.
-- Reading  {backlog in ns}

-- The largest debt, in ns: 100 days.
local DEEPEST, DAY = 8.64e15, 8.64e13
-- The turn of the circle of the TATs, in us.
local TURN = MODULUS / 1000

local function read(_, s, at)
  if s.text == '' then return { 0 } end
  local value, ends = match(s.text, '^(%d+) (%d+)$')
  value = value or match(s.text, '^%d+$')
  if not value or #value > 16 or value + 0 >= MODULUS then return nil end
  if ends and at >= ends + 0 then return { 0 } end
  local backlog = value - at % TURN * 1000
  if backlog < 0 then backlog = backlog + MODULUS end
  if backlog > LONGEST then backlog = 0 end
  return { backlog }
end

local function fits(q, r) return r[1] <= q.room end

local function charged(q, r) return { r[1] + q.cost } end

-- Grows to at most `most`, or stays.
local function grown(q, r, most)
  local after = max(r[1], most)
  if q.cost <= after - r[1] then after = r[1] + q.cost end
  if after == r[1] then return nil end
  return { after }
end

local function charged_denied(q, r) return grown(q, r, q.full) end

local function debited(q, r) return grown(q, r, DEEPEST) end

-- The part of the charge that has not drained yet. A mark never expires: one that lies further ahead
-- than a charge can reach has passed, unless the backlog reaches as far because the clock stepped back.
-- So a mark is misread only if it is older than four days and a full refill takes weeks.
local function undrained(q, r, at)
  local left = q.mark - at % TURN * 1000
  if left < 0 then left = left + MODULUS end
  local reach = max(r[1], min(DEEPEST, 2 * max(q.full, r[1]) + DAY))
  return left > reach and 0 or left
end

local function given_back(q, r, at)
  local most = q.mark < 0 and r[1] or min(r[1], undrained(q, r, at))
  local given = min(q.cost, most)
  if given == 0 then return nil end
  return { r[1] - given }
end

-- A call that gave up while others wait behind it keeps its charge: otherwise the next call would get
-- the turn of the last of them. In a queue (kind q) every call but the first waits.
local function aborted(q, r, at)
  local others = q.letter == 'q' or r[1] > q.full
  local left = undrained(q, r, at)
  if others and left ~= r[1] then return nil, nil, left > 0 and left < r[1] end
  return given_back(q, r, at)
end

local function text(_, r, at)
  local backlog = r[1]
  if backlog == 0 then return '', 0 end
  local now = at % TURN * 1000
  local to_wrap = MODULUS - now
  return digits(backlog < to_wrap and now + backlog or backlog - to_wrap), backlog / 1000
end

local function mark(q, r, at) return text(q, r, at) + 0 end

return {
  numbers = { 'room', 'full' },
  most = LONGEST,
  read = read,
  fits = fits,
  charged = charged,
  charged_denied = charged_denied,
  debited = debited,
  given_back = given_back,
  aborted = aborted,
  text = text,
  mark = mark,
}
