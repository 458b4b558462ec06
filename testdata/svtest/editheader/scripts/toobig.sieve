require ["editheader", "variables"];
set "x" "0123456789012345678901234567890123456789";
set "y" "${x}${x}${x}${x}${x}${x}${x}${x}${x}${x}";
set "z" "${y}${y}${y}";
addheader "X-Big" "${z}";
