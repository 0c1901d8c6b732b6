-- Fixed window: "start count". r: {us until the window ends, units counted in it; start}.

local DAY = 86400e6

local fixed = {}

-- Days from 1970 to the first day of a year.
local function days_before(year)
  local y = year - 1
  return y * 365 + floor(y / 4) - floor(y / 100) + floor(y / 400) - 719162
end

-- Start and end of the calendar month that holds `at`.
local month_start, month_end = 0, 0
local function month(at)
  if at >= month_start and at < month_end then return month_start, month_end end
  local day = floor(at / DAY)
  local year = 1970 + floor(day / 366)
  while days_before(year + 1) <= day do year = year + 1 end
  local first = days_before(year)
  local leap = days_before(year + 1) - first - 365
  local lengths = { 31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  local m = 1
  while first + lengths[m] <= day do
    first = first + lengths[m]
    m = m + 1
  end
  month_start, month_end = first * DAY, (first + lengths[m]) * DAY
  return month_start, month_end
end

function fixed.read(q, s)
  local start, count = nil, 0
  if s.text ~= '' then
    start, count = match(s.text, '^(%d+) (%d+)$')
    if not start then return nil end
    start, count = start + 0, count + 0
    if start > LATEST or count > MOST or count == 0 then return nil end
  end
  -- A clock that stepped back behind the start reads as the start.
  local at = max(wall, start or 0)
  local first, last
  if q.letter == 'm' then
    first, last = month(at)
  elseif q.letter == 'c' then
    first = at - at % q.window
    last = first + q.window
  else
    first = start and wall < start + q.window and start or wall
    last = first + q.window
  end
  if start and start > first then return nil end
  return { last - wall, first == start and count or 0, start = first }
end

function fixed.fits(q, r) return r[2] + q.cost <= q.limit end

function fixed.charged(q, r) return { r[1], min(r[2] + q.cost, MOST), start = r.start } end

fixed.charged_denied, fixed.debited = fixed.charged, fixed.charged

function fixed.given_back(q, r)
  if r[2] == 0 or q.limit >= 0 and q.limit ~= r.start then return nil end
  return { r[1], max(0, r[2] - q.cost), start = r.start }
end

fixed.aborted = fixed.given_back

function fixed.text(_, r)
  if r[2] == 0 then return '', 0 end
  return digits(r.start) .. ' ' .. digits(r[2]), r[1]
end

return fixed
