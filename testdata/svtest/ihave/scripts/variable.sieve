require ["ihave", "variables"];
set "a" "fileinto";
if ihave "${a}" { discard; }
