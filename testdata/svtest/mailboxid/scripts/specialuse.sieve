require ["fileinto", "mailboxid", "special-use"];
fileinto :mailboxid "x" :specialuse "\\Junk" "y";
