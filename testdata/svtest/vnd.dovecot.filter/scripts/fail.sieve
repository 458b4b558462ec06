require "vnd.dovecot.filter";
filter "mark";
filter "missing";
