require ["vnd.dovecot.pipe", "variables"];
set "a" "one
two";
pipe "accept" ["${a}"];
