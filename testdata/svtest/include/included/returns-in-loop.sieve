require ["include", "variables", "foreverypart"]; global "seen"; foreverypart { set "seen" "${seen}x"; return; } set "seen" "wrong";
