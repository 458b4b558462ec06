require ["imap4flags", "variables", "vnd.dovecot.environment"];
setflag "env.vnd.dovecot.username" "x";
