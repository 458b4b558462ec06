require "variables"; if string :matches "xyz" "x*" { keep; }
