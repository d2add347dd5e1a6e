// The build copies the package's module beside the page, because a browser cannot resolve package names.
export { default } from 'uplot';
