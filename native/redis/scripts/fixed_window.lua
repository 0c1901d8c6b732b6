-- Fixed window: from the first request (kind f), on the clock (c), or a calendar month in UTC (m).
--
-- State    "start count"
-- Numbers  limit, window in us
--          A mark is the start of a window.
-- Reading  {us until the window ends, units counted in it; start}

local DAY = 86400e6

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

local function read(q, s, now)
  local start, count = nil, 0
  if s.text ~= '' then
    start, count = match(s.text, '^(%d+) (%d+)$')
    if not start then return nil end
    start, count = start + 0, count + 0
    if start > LATEST or count > MOST or count == 0 then return nil end
  end
  -- If the clock stepped back behind the start, the start counts.
  local at = max(now, start or 0)
  local first, last
  if q.letter == 'm' then
    first, last = month(at)
  elseif q.letter == 'c' then
    first = at - at % q.window
    last = first + q.window
  else
    first = start and now < start + q.window and start or now
    last = first + q.window
  end
  if start and start > first then return nil end
  return { last - now, first == start and count or 0, start = first }
end

local function fits(q, r) return r[2] + q.cost <= q.limit end

local function charged(q, r) return { r[1], min(r[2] + q.cost, MOST), start = r.start } end

local function given_back(q, r)
  if r[2] == 0 or q.mark >= 0 and q.mark ~= r.start then return nil end
  return { r[1], max(0, r[2] - q.cost), start = r.start }
end

local function text(_, r)
  if r[2] == 0 then return '', 0 end
  return digits(r.start) .. ' ' .. digits(r[2]), r[1]
end

local function mark(_, r) return r.start end

return {
  numbers = { 'limit', 'window' },
  most = LATEST,
  read = read,
  fits = fits,
  charged = charged,
  given_back = given_back,
  text = text,
  mark = mark,
}
