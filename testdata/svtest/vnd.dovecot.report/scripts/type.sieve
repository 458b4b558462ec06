require ["vnd.dovecot.report", "variables"];
set "type" "a b";
report "${type}" "x" "abuse@example.com";
