require ["include", "variables"]; global "seen"; set "seen" "before "; if true { return; } set "seen" "wrong";
