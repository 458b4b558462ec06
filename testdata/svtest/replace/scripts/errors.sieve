require "replace";
replace :mime :subject "a" "X: y";
replace :mime :from "a@example.org" "";
replace :from "nobody" "";
replace :mime "Content-Type: text/plain";
replace :mime text:
no field

x
.
;
