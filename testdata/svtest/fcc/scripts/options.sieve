require ["vacation", "fcc", "mailbox", "imap4flags", "enotify"];
# 1
vacation :create "I am away";
# 2
vacation :flags "\\Seen" "I am away";
# 3
keep :fcc "Sent";
