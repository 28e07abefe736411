// The release number of this library, in one place; the build files and the tests read it from
// here.
#ifndef WAGGLE_CORE_VERSION_HPP
#define WAGGLE_CORE_VERSION_HPP

#define WAGGLE_VERSION_MAJOR 0
#define WAGGLE_VERSION_MINOR 1
#define WAGGLE_VERSION_PATCH 0
#define WAGGLE_VERSION "0.1.0"

#endif  // WAGGLE_CORE_VERSION_HPP
