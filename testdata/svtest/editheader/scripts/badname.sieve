require ["editheader", "variables"];
set "name" "X Y";
deleteheader "${name}";
