// Starts the admin UI.
import { render } from 'preact';
import { App } from './app';
import './css/fonts.css';
import './theme.css';
import './css/shell.css';
import './css/parts.css';
import './css/list.css';
import './css/pages.css';

render(<App />, document.getElementById('app')!);
