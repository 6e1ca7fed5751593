#!lua name=messaging

-- append: puts a command's events on their event queues, all or none, in one round trip.
--
-- KEYS  1 queue:state   2 queue:numbers   3 queue:applied   4 rate:<account>
--       then, where a fingerprint is given, idempotency:<account>:<key>
--       then, for each partition concerned, queue:<p> and bell:<p>
-- ARGV  1 most entries of a queue that may wait   2 bell TTL, ms
--       3 fingerprint of the command, or ''   4 idempotency TTL, ms   5 receipt to remember
--       6 commands a second   7 burst   8 how many commands this counts as; 0: not limited
--       9 the number of partitions that the caller counts with
--       10... for each event: which of the partitions above (1, 2 ...), its number p, the entry
-- Answers one of
--       {'closed'}                the streams have not been opened for so many partitions: see
--                                 events/opening.py
--       {'mismatch'}              the idempotency key belongs to another command
--       {'full'}                  too many entries of a queue wait, or memory runs short
--       {'limited', ms}           the account must wait so long
--       {'replayed', epoch, receipt, {offset ...}}
--       {'appended', epoch, receipt, {offset ...}, {p whose bell this rang ...}}

-- As many commands as may come at once, see command_api/schemas/batch.py.
local LARGEST_BATCH = 500

local function wait_of(key, rate, burst, cost)
  -- Generic cell rate algorithm (ITU-T I.371): the key holds the theoretical arrival time, us.
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local interval = 1000000 / rate
  local window = burst * interval
  local arrival = math.max(tonumber(redis.call('GET', key) or now), now)
  if arrival > now + math.max(window, LARGEST_BATCH * interval) then
    -- Nobody can have come so far: the clock was stepped back, which must not lock anybody out.
    arrival = now
  end
  local next_arrival = arrival + cost * interval
  local excess = next_arrival - now - math.max(window, cost * interval)
  if excess > 0 then
    return math.ceil(excess / 1000)
  end
  local lifetime = math.ceil((next_arrival - now) / 1000) + 1
  redis.call('SET', key, string.format('%.0f', next_arrival), 'PX', lifetime)
  return 0
end

local function earlier_answer(key, fingerprint)
  local known = redis.call('GET', key)
  if not known then
    return nil
  end
  local told = cmsgpack.unpack(known)
  if told[1] ~= fingerprint then
    return { 'mismatch' }
  end
  return { 'replayed', told[2], told[3], told[4] }
end

local function waiting(numbers, applied, p)
  -- What is applied stays in the stream for a while; it must not count as waiting. How far each
  -- partition is applied, the sweep tells.
  local head = tonumber(redis.call('HGET', numbers, p) or 0)
  return head - tonumber(redis.call('HGET', applied, p) or 0)
end

local function append(keys, args)
  local state = redis.call('HMGET', keys[1], 'epoch', 'partitions', 'short_of_memory')
  local epoch = state[1]
  if not epoch or state[2] ~= args[9] then
    return { 'closed' }
  end
  local fingerprint = args[3]
  local first_queue = 5
  if fingerprint ~= '' then
    first_queue = 6
    local earlier = earlier_answer(keys[5], fingerprint)
    if earlier then
      return earlier
    end
  end
  if state[3] then
    return { 'full' }
  end
  for index = 10, #args, 3 do
    if waiting(keys[2], keys[3], args[index + 1]) >= tonumber(args[1]) then
      return { 'full' }
    end
  end
  local cost = tonumber(args[8])
  if cost > 0 then
    local wait = wait_of(keys[4], tonumber(args[6]), tonumber(args[7]), cost)
    if wait > 0 then
      return { 'limited', wait }
    end
  end
  local offsets, rung = {}, {}
  for index = 10, #args, 3 do
    local queue = first_queue + (tonumber(args[index]) - 1) * 2
    local p, entry = args[index + 1], args[index + 2]
    local number = redis.call('HINCRBY', keys[2], p, 1)
    offsets[#offsets + 1] = redis.call('XADD', keys[queue], '*', 'n', number, 'e', entry)
    if redis.call('SET', keys[queue + 1], '1', 'NX', 'PX', args[2]) then
      rung[#rung + 1] = p
    end
  end
  if fingerprint ~= '' then
    local told = cmsgpack.pack({ fingerprint, epoch, args[5], offsets })
    redis.call('SET', keys[5], told, 'PX', args[4])
  end
  return { 'appended', epoch, args[5], offsets, rung }
end

-- recall: tells what a command was answered, without taking it.
--
-- KEYS  1 idempotency:<account>:<key>        ARGV  1 fingerprint of the command
-- Answers one of {'unknown'}, {'mismatch'} and {'replayed', ...} as above.
local function recall(keys, args)
  return earlier_answer(keys[1], args[1]) or { 'unknown' }
end

redis.register_function('append', append)
redis.register_function{ function_name = 'recall', callback = recall, flags = { 'no-writes' } }
