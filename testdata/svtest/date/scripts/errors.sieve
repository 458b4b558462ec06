require "date";
# 1: unknown part
if currentdate "century" "21" { discard; }
# 2: no field has the current date
if currentdate :originalzone "year" "2009" { discard; }
# 3: two zones
if date :zone "+0000" :originalzone "date" "year" "2009" { discard; }
# 4: one field only
if date ["date", "resent-date"] "year" "2009" { discard; }
