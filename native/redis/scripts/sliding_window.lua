-- Sliding window: "start current previous". r: {us until the current window ends, units counted in
-- it, units counted in the one before}.

local sliding = {}

function sliding.read(q, s)
  local start, current, previous = nil, 0, 0
  if s.text ~= '' then
    start, current, previous = match(s.text, '^(%d+) (%d+) (%d+)$')
    if not start then return nil end
    start, current, previous = start + 0, current + 0, previous + 0
    if start > LATEST or current > MOST or previous > MOST then return nil end
    if start % q.window > 0 or current + previous == 0 then return nil end
  end
  -- A clock that stepped back behind the start reads as the start.
  local at = max(wall, start or 0)
  local first = at - at % q.window
  local left = first + q.window - wall
  if first == start then return { left, current, previous } end
  if start and first == start + q.window then return { left, 0, current } end
  return { left, 0, 0 }
end

function sliding.fits(q, r)
  local weight = floor((min(r[1], q.window) * 1024 + q.window - 1) / q.window)
  local estimate = floor((r[3] * weight + 1023) / 1024) + r[2]
  return estimate + q.cost <= q.limit
end

function sliding.charged(q, r) return { r[1], min(r[2] + q.cost, MOST), r[3] } end

sliding.charged_denied, sliding.debited = sliding.charged, sliding.charged

function sliding.given_back(q, r)
  local any, start = q.limit < 0, wall + r[1] - q.window
  local units, current, previous = q.cost, r[2], r[3]
  if any or q.limit == start then
    current = max(0, r[2] - units)
    units = units - (r[2] - current)
  end
  if any or q.limit == start - q.window then previous = max(0, r[3] - units) end
  if current == r[2] and previous == r[3] then return nil end
  return { r[1], current, previous }
end

sliding.aborted = sliding.given_back

function sliding.text(q, r)
  local left = 0
  if r[2] > 0 then
    left = r[1] + q.window
  elseif r[3] > 0 then
    left = r[1]
  else
    return '', 0
  end
  return digits(wall + r[1] - q.window) .. ' ' .. digits(r[2]) .. ' ' .. digits(r[3]), left
end

return sliding
