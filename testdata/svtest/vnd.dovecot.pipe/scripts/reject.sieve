require ["vnd.dovecot.pipe", "reject"];
reject "no";
pipe "accept";
