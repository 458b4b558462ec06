require ["date", "variables"];
set "part" "century";
if currentdate "${part}" "21" { discard; }
