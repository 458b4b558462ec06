require ["enotify", "variables"];
set "scheme" "xmpp";
notify "${scheme}:tim@example.com";
