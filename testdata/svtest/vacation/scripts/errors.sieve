require ["vacation", "vacation-seconds"];
# 1: two periods
vacation :days 7 :seconds 86400 "away";
# 2: no reason
vacation :days 7;
# 3: a reason of two
vacation ["a", "b"];
# 4: :handle takes a string
vacation :handle 4 "away";
# 5: :from must be an address
vacation :from "" "away";
