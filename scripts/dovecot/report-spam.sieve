# A message came into a junk folder by COPY, MOVE or APPEND: it is spam, unless
# dovetail's [learn] leaves it out.
require ["imapsieve", "vnd.dovecot.imapsieve", "environment", "variables", "vnd.dovecot.execute",
  "vnd.dovecot.pipe", "copy"];

if environment :matches "imap.user" "*" { set "user" "${1}"; }
if environment :matches "imap.cause" "*" { set "cause" "${1}"; }
if environment :matches "imap.mailbox" "*" { set "to" "${1}"; }
if environment :matches "vnd.dovecot.mailbox-from" "*" { set "from" "${1}"; }

# What is appended came from no folder; what is copied within one is no news.
if string :is "${cause}" "APPEND" { set "from" ""; }
elsif string :comparator "i;octet" :is "${from}" "${to}" { stop; }

# dovetail-learnd takes it by execute, which looks for its socket first; the program
# does by pipe, should nobody answer there. Neither fails what the client does.
if not execute :pipe "learn-spam" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"] {
  pipe :copy :try "learn-spam" ["--cause=${cause}", "--from=${from}", "--to=${to}", "--", "${user}"];
}
