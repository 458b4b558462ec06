require ["include", "variables"]; global "seen"; set "seen" "${seen}[${local}]"; set "local" "inside";
