-- Sliding window.
--
-- State    "start current previous"
-- Numbers  limit, window in us
--          A mark is the start of a window.
-- Reading  {us until the current window ends, units counted in it, units counted in the one before}

local function read(q, s, now)
  local start, current, previous = nil, 0, 0
  if s.text ~= '' then
    start, current, previous = match(s.text, '^(%d+) (%d+) (%d+)$')
    if not start then return nil end
    start, current, previous = start + 0, current + 0, previous + 0
    if start > LATEST or current > MOST or previous > MOST then return nil end
    if start % q.window > 0 or current + previous == 0 then return nil end
  end
  -- If the clock stepped back behind the start, the start counts.
  local at = max(now, start or 0)
  local first = at - at % q.window
  local left = first + q.window - now
  if first == start then return { left, current, previous } end
  if start and first == start + q.window then return { left, 0, current } end
  return { left, 0, 0 }
end

local function fits(q, r)
  local weight = floor((min(r[1], q.window) * 1024 + q.window - 1) / q.window)
  local estimate = floor((r[3] * weight + 1023) / 1024) + r[2]
  return estimate + q.cost <= q.limit
end

local function charged(q, r) return { r[1], min(r[2] + q.cost, MOST), r[3] } end

local function given_back(q, r, now)
  local any, start = q.mark < 0, now + r[1] - q.window
  local units, current, previous = q.cost, r[2], r[3]
  if any or q.mark == start then
    current = max(0, r[2] - units)
    units = units - (r[2] - current)
  end
  if any or q.mark == start - q.window then previous = max(0, r[3] - units) end
  if current == r[2] and previous == r[3] then return nil end
  return { r[1], current, previous }
end

local function text(q, r, now)
  local left = 0
  if r[2] > 0 then
    left = r[1] + q.window
  elseif r[3] > 0 then
    left = r[1]
  else
    return '', 0
  end
  return digits(now + r[1] - q.window) .. ' ' .. digits(r[2]) .. ' ' .. digits(r[3]), left
end

local function mark(q, r, now) return now + r[1] - q.window end

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
