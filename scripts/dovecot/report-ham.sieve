# A message was copied or moved out of a junk folder: it is ham, unless dovetail's
# [learn] leaves it out, as it does with what goes to the trash.
require ["imapsieve", "vnd.dovecot.imapsieve", "environment", "variables", "vnd.dovecot.execute",
  "vnd.dovecot.pipe", "copy"];

if environment :matches "imap.user" "*" { set "user" "${1}"; }
if environment :matches "imap.cause" "*" { set "cause" "${1}"; }
if environment :matches "imap.mailbox" "*" { set "to" "${1}"; }
if environment :matches "vnd.dovecot.mailbox-from" "*" { set "from" "${1}"; }

# What is copied within the folder is no news.
if string :comparator "i;octet" :is "${from}" "${to}" { stop; }

# dovetail-learnd takes it by execute, which looks for its socket first; the program
# does by pipe, should nobody answer there. Neither fails what the client does.
if not execute :pipe "learn-ham" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"] {
  pipe :copy :try "learn-ham" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"];
}
