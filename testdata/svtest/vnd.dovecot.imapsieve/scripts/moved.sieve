require ["vnd.dovecot.imapsieve", "environment"];
if environment "vnd.dovecot.mailbox-to" "Trash" {
	stop;
}
discard;
