require ["imapflags"];
mark "x";
setflag "var" "\\Seen";
if hasflag "\\Seen" { keep; }
