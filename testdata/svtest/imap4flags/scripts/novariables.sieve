require "imap4flags";

# 1, 2: variables are not in effect
setflag "name" "\\Seen";
if hasflag ["name"] "\\Seen" { stop; }
# 3: not a list of flags
setflag 1;
# 4: nothing at all
addflag;
# 5: a list of names is for hasflag only
removeflag ["a", "b"] "c";
