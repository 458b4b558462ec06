require "vnd.dovecot.pipe";
pipe "accept";
