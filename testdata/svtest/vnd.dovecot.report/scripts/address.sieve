require ["vnd.dovecot.report", "variables"];
set "address" "nobody";
report "abuse" "x" "${address}";
