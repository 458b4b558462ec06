require ["ihave"]; error "odd address";
