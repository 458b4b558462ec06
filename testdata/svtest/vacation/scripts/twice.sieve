require "vacation";
vacation "away";
vacation "away";
