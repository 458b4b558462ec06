require "include"; discard; include "fails";
