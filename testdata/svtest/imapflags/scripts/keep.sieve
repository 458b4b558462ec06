require ["imapflags", "fileinto", "copy"];
mark;
fileinto :copy "Box";
unmark;
setflag ["\\Seen", "\\SEEN", "\\Recent", "bad(flag"];
addflag "Work work";
removeflag "none";
