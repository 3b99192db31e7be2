// The stage as a program under its own locks: do they hold?
#pragma once

namespace r1::jail {

// Tries what a program must not be able to do. 0 when all was refused, else the number of the first that was not.
int check_from_inside();

}  // namespace r1::jail
