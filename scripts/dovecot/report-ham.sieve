# A message was copied or moved out of a junk folder: it is ham, unless dovetail's
# [learn] leaves it out, as it does with what goes to the trash.
require ["imapsieve", "vnd.dovecot.imapsieve", "environment", "variables", "vnd.dovecot.execute"];

if environment :matches "imap.user" "*" { set "user" "${1}"; }
if environment :matches "imap.cause" "*" { set "cause" "${1}"; }
if environment :matches "imap.mailbox" "*" { set "to" "${1}"; }
if environment :matches "vnd.dovecot.mailbox-from" "*" { set "from" "${1}"; }

# What is copied within the folder is no news.
if string :comparator "i;octet" :is "${from}" "${to}" { stop; }

# A program that fails here fails neither the script nor what the client does. The
# second name is that of the program itself, should nobody answer at the socket.
if not execute :pipe "learn-ham" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"] {
  execute :pipe "sa-learn-ham.sh" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"];
}
