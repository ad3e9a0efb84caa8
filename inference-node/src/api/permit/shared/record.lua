-- Records a permit and the nonce behind it, both or neither.
--
-- KEYS: when this memory began; the permit; the nonce, if there is one.
-- ARGV: the time now; when the permit was issued; the permit's digest; for how long the permit is
-- remembered, and the nonce, if there is one. All in milliseconds.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
if tonumber(ARGV[2]) < tonumber(redis.call('GET', KEYS[1])) then
  return 'before'
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return 'used'
end
if KEYS[3] then
  if redis.call('EXISTS', KEYS[3]) == 1 then
    return 'replayed'
  end
  redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[5])
end
redis.call('SET', KEYS[2], '', 'PX', ARGV[4])
return 'recorded'
