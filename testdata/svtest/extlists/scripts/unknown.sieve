require ["extlists"];
if header :list "subject" [":addrbook:enemies", "no scheme"] { discard; }
