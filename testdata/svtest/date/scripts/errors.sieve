require "date";
# 1: no field has the current date
if currentdate :originalzone "year" "2009" { discard; }
# 2: two zones
if date :zone "+0000" :originalzone "date" "year" "2009" { discard; }
# 3: one field only
if date ["date", "resent-date"] "year" "2009" { discard; }
