require ["vnd.dovecot.pipe", "copy"];
pipe :copy "accept";
pipe "accept" ["other"];
