-- A theoretical arrival time: token bucket, GCRA, leaky bucket: "tat", beside a block "tat end",
-- with the time in us after which it means nothing. r: {backlog in ns}.

-- The most that debt grows to, in ns: 100 days.
local DEEPEST, DAY = 8.64e15, 8.64e13

local tat = {}

function tat.read(_, s)
  if s.text == '' then return { 0 } end
  local value, ends = match(s.text, '^(%d+) (%d+)$')
  value = value or match(s.text, '^%d+$')
  if not value or #value > 16 or value + 0 >= MODULUS then return nil end
  if ends and wall >= ends + 0 then return { 0 } end
  local backlog = value - now
  if backlog < 0 then backlog = backlog + MODULUS end
  if backlog > LONGEST then backlog = 0 end
  return { backlog }
end

function tat.fits(q, r) return r[1] <= q.limit end

function tat.charged(q, r) return { r[1] + q.cost } end

-- Up to `most`, or to where it is.
local function grown(q, r, most)
  local after = max(r[1], most)
  if q.cost <= after - r[1] then after = r[1] + q.cost end
  if after == r[1] then return nil end
  return { after }
end

function tat.charged_denied(q, r) return grown(q, r, q.window) end

function tat.debited(q, r) return grown(q, r, DEEPEST) end

-- What is left by now of the charge that is given back. A mark has no time to live that ends with
-- it: what would lie further ahead than a charge can reach is taken for one that has passed. So a
-- mark is misread only if it is older than four days, and that where a refill takes weeks.
local function undrained(q, r)
  local left = q.limit - now
  if left < 0 then left = left + MODULUS end
  return left > min(DEEPEST, 2 * max(q.window, r[1]) + DAY) and 0 or left
end

function tat.given_back(q, r)
  local most = min(r[1], q.limit < 0 and DEEPEST or undrained(q, r))
  local given = min(q.cost, most)
  if given == 0 then return nil end
  return { r[1] - given }
end

-- Where others wait behind the one that gave up, nothing is taken back: the next one to come would
-- be told the turn of the last of them. In a queue all wait but the first. The third value says
-- whether there are such others.
function tat.aborted(q, r)
  local others = q.letter == 'q' or r[1] > q.window
  local left = undrained(q, r)
  if others and left ~= r[1] then return nil, nil, left > 0 and left < r[1] end
  return tat.given_back(q, r)
end

function tat.text(_, r)
  local backlog = r[1]
  if backlog == 0 then return '', 0 end
  local to_wrap = MODULUS - now
  return digits(backlog < to_wrap and now + backlog or backlog - to_wrap), backlog / 1000
end

return tat
