require "imap4flags";
setflag "Junk \\flagged";
