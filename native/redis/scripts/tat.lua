-- A theoretical arrival time: token bucket, GCRA, leaky bucket. r: {backlog in ns}.

-- The most that debt grows to, in ns: 100 days.
local DEEPEST = 8.64e15

local tat = {}

function tat.read(_, s)
  local text = s.text
  if text == '' then return { 0 } end
  local value = #text <= 16 and find(text, '^%d+$') and text + 0
  if not value or value >= MODULUS then return nil end
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

-- What is left by now of the charge that is given back.
local function undrained(mark)
  local left = mark - now
  if left < 0 then left = left + MODULUS end
  return left > LONGEST and 0 or left
end

function tat.given_back(q, r)
  local most = min(r[1], q.limit < 0 and DEEPEST or undrained(q.limit))
  local given = min(q.cost, most)
  if given == 0 then return nil end
  return { r[1] - given }
end

-- Where others wait behind the one that gave up, nothing is taken back: the next one to come would
-- be told the turn of the last of them.
function tat.aborted(q, r)
  if r[1] > q.window and undrained(q.limit) ~= r[1] then return nil end
  return tat.given_back(q, r)
end

function tat.text(_, r)
  local backlog = r[1]
  if backlog == 0 then return '', 0 end
  local to_wrap = MODULUS - now
  return digits(backlog < to_wrap and now + backlog or backlog - to_wrap), backlog / 1000
end

return tat
