require ["replace", "variables"];
set "from" "nobody";
replace "first";
replace :from "${from}" "x";
